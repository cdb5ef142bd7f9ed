Attribute VB_Name = "IcpRibbon"
Option Explicit

' What the ribbon's buttons call. A button's tag is the name of the macro in icp_xl.excel.macros.

Private mRibbon As Object

Public Sub IcpOnLoad(ribbon As Object)
    Set mRibbon = ribbon
End Sub

Public Sub IcpAction(control As Object)
    IcpRun control.Tag
End Sub

Public Sub IcpCancelAll(control As Object)
    IcpJobs.IcpCancelJobs
End Sub

Public Sub IcpRun(ByVal action As String)
    On Error GoTo Failed
    If ActiveWorkbook Is Nothing Then
        If IcpProtectedViews() > 0 Then
            MsgBox "This workbook is in Protected View. Press Enable Editing first.", vbInformation, "ICP"
        Else
            MsgBox "Open the customer workbook first.", vbInformation, "ICP"
        End If
        Exit Sub
    End If
    Application.StatusBar = IcpText.IcpBusyText(action)
    RunPython IcpText.IcpCommand(action)
    ' What Python says at the end stays.
    If CStr(Application.StatusBar) = IcpText.IcpBusyText(action) Then Application.StatusBar = False
    IcpJobs.IcpWatch
    Exit Sub
Failed:
    Application.StatusBar = False
    MsgBox IcpText.IcpSentence(Err.Description), vbExclamation, "ICP"
End Sub

' Windows in Protected View, which are not among the workbooks; a Mac has none.
Private Function IcpProtectedViews() As Long
    On Error Resume Next
    IcpProtectedViews = Application.ProtectedViewWindows.Count
End Function
