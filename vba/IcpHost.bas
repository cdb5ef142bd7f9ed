Attribute VB_Name = "IcpHost"
Option Explicit

' What Python asks Excel to do and xlwings has no word for on both Windows and Mac. Names come in lines.

' Saves a copy of an open workbook without touching it.
Public Function IcpSaveCopy(ByVal book As String, ByVal path As String) As Boolean
    Workbooks(book).SaveCopyAs path
    IcpSaveCopy = True
End Function

' What stands in the way of writing into a workbook and one of its sheets, as words with bars between.
Public Function IcpStateOfBook(ByVal book As String, ByVal sheet As String) As String
    Dim state As String
    With Workbooks(book)
        If Not .Saved Then state = state & "unsaved|"
        If Len(.Path) = 0 Then state = state & "new|"
        If .ReadOnly Then state = state & "readonly|"
        If .ProtectStructure Then state = state & "structure|"
        If .MultiUserEditing Then state = state & "shared|"
        If .HasPassword Then state = state & "password|"
        If Len(sheet) > 0 Then
            If .Worksheets(sheet).ProtectContents Then state = state & "contents|"
            If .Worksheets(sheet).FilterMode Then state = state & "filtered|"
        End If
    End With
    IcpStateOfBook = state
End Function

' Leaves the ids of jobs in a hidden name of the workbook, which thereby counts as changed no more than before.
Public Function IcpRememberJobs(ByVal book As String, ByVal name As String, ByVal jobs As String) As Boolean
    Dim saved As Boolean
    With Workbooks(book)
        saved = .Saved
        If Len(jobs) > 0 Then
            .Names.Add name:=name, RefersTo:="=""" & jobs & """", Visible:=False
        Else
            On Error Resume Next
            .Names(name).Delete
            On Error GoTo 0
        End If
        .Saved = saved
    End With
    IcpRememberJobs = True
End Function

' Asks for a workbook; empty when the user declines.
Public Function IcpAskFile(ByVal prompt As String) As String
    Dim answer As Variant
    #If Mac Then
        answer = Application.GetOpenFilename(, , prompt)
    #Else
        answer = Application.GetOpenFilename("Excel workbooks (*.xlsx;*.xlsm;*.xlsb;*.xls),*.xlsx;*.xlsm;*.xlsb;*.xls", , prompt)
    #End If
    If VarType(answer) = vbString Then IcpAskFile = answer
End Function

' New results are in: the cells that hold our functions are to be calculated again, no others. In a workbook that
' calculates by hand they wait for F9, as everything there does.
Public Function IcpRecalculate() As Boolean
    Dim book As Workbook
    Dim sheet As Worksheet
    For Each book In Application.Workbooks
        For Each sheet In book.Worksheets
            IcpDirty sheet
        Next sheet
    Next book
    IcpRecalculate = True
End Function

Private Sub IcpDirty(ByVal sheet As Worksheet)
    Dim formulas As Range
    Dim area As Range
    Dim cell As Range
    Dim texts As Variant
    On Error GoTo Protected
    Set formulas = sheet.UsedRange.SpecialCells(xlCellTypeFormulas)
    On Error Resume Next
    For Each area In formulas.Areas
        texts = area.Formula
        If Not IsArray(texts) Then
            If IcpUsesUs(texts) Then area.Dirty
        ElseIf IcpAnyUsesUs(texts) Then
            For Each cell In area.Cells
                If IcpUsesUs(cell.Formula) Then cell.Dirty
            Next cell
        End If
    Next area
    Exit Sub
Protected:
    ' No formulas, or a protected sheet, which tells nothing of its cells.
    If sheet.ProtectContents Then sheet.UsedRange.Dirty
End Sub
