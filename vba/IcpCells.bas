Attribute VB_Name = "IcpCells"
Option Explicit

' Python hands an Excel error over as its text, since COM has no way to return one; here it becomes a real error.

Public IcpLastError As String

Public Function IcpCell(ByVal value As Variant) As Variant
    Dim i As Long
    Dim j As Long
    If Not IsArray(value) Then
        IcpCell = IcpOne(value)
        Exit Function
    End If
    If IcpDimensions(value) = 1 Then
        For i = LBound(value) To UBound(value)
            value(i) = IcpOne(value(i))
        Next i
    Else
        For i = LBound(value, 1) To UBound(value, 1)
            For j = LBound(value, 2) To UBound(value, 2)
                value(i, j) = IcpOne(value(i, j))
            Next j
        Next i
    End If
    IcpCell = value
End Function

Public Function IcpOne(ByVal value As Variant) As Variant
    IcpOne = value
    If VarType(value) <> vbString Then Exit Function
    If Left$(value, 1) <> "#" Then Exit Function
    Select Case value
        Case "#NULL!": IcpOne = CVErr(2000)
        Case "#DIV/0!": IcpOne = CVErr(2007)
        Case "#VALUE!": IcpOne = CVErr(2015)
        Case "#REF!": IcpOne = CVErr(2023)
        Case "#NAME?": IcpOne = CVErr(2029)
        Case "#NUM!": IcpOne = CVErr(2036)
        Case "#N/A": IcpOne = CVErr(2042)
    End Select
End Function

' Python could not be reached, or broke: never its words in a cell.
Public Function IcpFailed(ByVal description As String) As Variant
    IcpLastError = description
    IcpFailed = CVErr(2015)
End Function

Private Function IcpDimensions(ByRef value As Variant) As Long
    Dim bound As Long
    On Error GoTo Done
    bound = UBound(value, 1)
    IcpDimensions = 1
    bound = UBound(value, 2)
    IcpDimensions = 2
Done:
End Function
